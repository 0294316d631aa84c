"""A finished run answers: engines, sampled tokens with what else was likely, and what a person wants to see of a model.

Below what people open (playground, chat, vote) and above model and export.
Trains nothing, writes nothing but votes.
"""
