"""What a stylization did, layer by layer and place by place, as one figure and as JSON."""
