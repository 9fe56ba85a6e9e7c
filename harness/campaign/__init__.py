"""A measurement campaign: experiments -> plans -> records -> statistics -> figures and report."""


class Refusal(Exception):
    """Something that a user can mend, in one sentence."""
