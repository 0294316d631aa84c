"""A reward model on disk."""

from pipeline.core.artifact.model import Model


class RewardModel(Model):
    """The files of a model with one number at its end instead of a vocabulary: a sequence classifier that no one can talk to.

    A kind of its own: read as a language model it would get a head of random numbers.
    """

    kind = "reward model"
