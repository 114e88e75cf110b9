"""`python -m styletransfer`, which ``torchrun -m styletransfer`` needs: the command `styletransfer`."""

from styletransfer.cli import main

if __name__ == "__main__":
    main(prog_name="styletransfer")
