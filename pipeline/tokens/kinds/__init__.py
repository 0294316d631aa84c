"""How a vocabulary is learned, one kind a file, each a function `train`.

The same texts in any order, on any number of threads, give the same tokenizer to the byte.
Text can't spell a special token in any of them; kinds that don't hold every byte read an unknown character as <|unk|>.
"""
