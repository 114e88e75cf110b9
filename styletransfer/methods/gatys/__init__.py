"""Image optimisation: Gatys, Ecker and Bethge, CVPR 2016."""
