"""The bits of the prefilter, one per kind of evidence."""

ENCODING = 1 << 0  # first letters of UTF-8 misread as another encoding
CONTROLS = 1 << 1
UNICODE = 1 << 2  # characters beyond the composed Latin ones
LIGATURES = 1 << 3
QUOTES = 1 << 4
LICENCE = 1 << 5  # words of licences
SITE = 1 << 6  # a block that begins like site boilerplate
COOKIES = 1 << 7
NUMBERS = 1 << 8  # two or more lines of a number and little else
PAGES = 1 << 9  # [p
HEADS = 1 << 10  # a short line is repeated, ignoring numbers
LINES = 1 << 11  # three or more lines are repeated
CONTENTS = 1 << 12  # the word, lines that end in a number after dots or blanks, or lines that begin like chapters
HYPHENS = 1 << 13  # a hyphen at a line end
LAYOUT = 1 << 14  # any white space that the clean form does not have
ITALICS = 1 << 15
MAIL = 1 << 16
DIGITS = 1 << 17  # seven digits with only punctuation in between
DOTS = 1 << 18  # three dots between digits
COLONS = 1 << 19  # two colons among hexadecimal digits
MISREAD = 1 << 20  # a digit in a word
NEWLINES = 1 << 21  # any newline other than \n, form feeds, tabs
SECRETS = 1 << 23  # private key
WORDS = 1 << 22  # set by ocr.find_misread: a word could be a misreading of another
