"""Weight sets: the catalogue, the store on the disk, and the file formats."""
