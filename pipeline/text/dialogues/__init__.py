"""Your own dialogues, in the usual formats."""
