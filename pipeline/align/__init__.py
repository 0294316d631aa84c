"""From a base model to an assistant: sft, reward, and methods of alignment, from pairs, single labels or samples.

Each method is one short file.
The only room that knows trl.
"""
