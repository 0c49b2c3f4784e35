"""Making the objects of a video unrecognisable, in every frame that shows them."""
