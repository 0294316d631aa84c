"""The special tokens, their ids and purpose."""

ENDOFTEXT = "<|endoftext|>"  # bos: before every document and dialogue; the end of a document predicts it
PAD = "<|pad|>"
SYSTEM = "<|system|>"
USER = "<|user|>"
ASSISTANT = "<|assistant|>"
END = "<|end|>"  # ends a turn; an answer stops here
UNKNOWN = "<|unk|>"  # what a vocabulary that does not hold every byte can't say; it has the id after those of IDS, or none
THINK, THINK_END = "<think>", "</think>"  # around what an assistant thinks before it answers
THINK_TOKENS = (THINK, THINK_END)  # a vocabulary has both, behind all others, or neither

IDS: dict[str, int] = {name: number for number, name in enumerate((ENDOFTEXT, PAD, SYSTEM, USER, ASSISTANT, END))}
ENDS = (IDS[END], IDS[ENDOFTEXT])  # of a turn, and of a document
ROLES: dict[str, int] = {"system": IDS[SYSTEM], "user": IDS[USER], "assistant": IDS[ASSISTANT]}
