"""What can be suspicious about a text: a bit each."""

ENCODING = 1 << 0  # letters with which UTF-8 begins when it is read as another encoding
CONTROLS = 1 << 1
UNICODE = 1 << 2  # characters beyond the composed Latin ones
LIGATURES = 1 << 3
QUOTES = 1 << 4
LICENCE = 1 << 5  # words of licences
SITE = 1 << 6  # a block that begins as lines of a site do
COOKIES = 1 << 7
NUMBERS = 1 << 8  # two or more lines of a number and little else
PAGES = 1 << 9  # [p
HEADS = 1 << 10  # a short line comes again, its numbers apart
LINES = 1 << 11  # three or more lines come again
CONTENTS = 1 << 12  # the word, lines that end in a number after dots or blanks, or lines that begin as chapters do
HYPHENS = 1 << 13  # a sign of hyphenation at a line's end
LAYOUT = 1 << 14  # any white space that the clean form lacks
ITALICS = 1 << 15
MAIL = 1 << 16
DIGITS = 1 << 17  # seven digits with no more than marks between them
DOTS = 1 << 18  # three dots between digits
COLONS = 1 << 19  # two colons among hexadecimal digits
MISREAD = 1 << 20  # a digit in a word; set together with what ocr.misread finds
NEWLINES = 1 << 21  # any newline that is no \n, form feeds, tabs
WORDS = 1 << 22  # set by ocr.suspected: a word could be a misreading of another
