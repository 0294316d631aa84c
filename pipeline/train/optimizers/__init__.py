"""How a gradient becomes a step, one file a method.

A new one is a file here, a field of choice.Choice and a file of conf/pretrain.
All are used alike: groups of named weights, one factor on the learning rates, a state with names.
"""
