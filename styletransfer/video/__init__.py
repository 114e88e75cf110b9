"""Moving pictures: videos, image sequences and animations, stylized without flicker."""

#: Share of the previous result in the next, where the motion is known.
SMOOTHING = 0.5
#: Frames that are painted between two points from which a stopped run goes on.
SEGMENT = 25
