"""Moving pictures: videos, image sequences and animations, stylized without flicker."""
