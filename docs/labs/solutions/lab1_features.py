"""Solutions of lab 1."""


def receptive_field(layers):
    sees, apart = 1, 1
    for kernel, stride in layers:
        sees += (kernel - 1) * apart
        apart *= stride
    return sees


def collect(layers, pictures, wanted):
    found, x = {}, pictures
    for index, layer in enumerate(layers):
        x = layer(x)
        if index in wanted:
            found[index] = x.clone()  # the next layer may work in place
    return found
