"""The image rule: from objects and an exports file to an image and its stubs."""


class Refusal(Exception):
    """A reason not to build the image: one sentence."""
