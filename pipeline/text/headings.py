"""Headings of chapters and sections, as books, Markdown and wikis write them."""

import re

_LONGEST_HEADING = 100  # characters
_FIRST = frozenset("#=0123456789ABCEILPSVX")  # first characters of a heading
_HEADING = re.compile(
    r"""\#{1,6}[ ]\S.*
      | (?P<sign>={1,6})[ ]\S.*[ ](?P=sign)
      | (?:CHAPTER|Chapter|BOOK|Book|PART|Part|VOLUME|Volume|STAVE|Stave|LETTER|Letter|ACT|Act|SCENE|Scene|CANTO|Canto)[ ]
        (?: [IVXLCDM]+ | [ivxlcdm]+ | \d+ | (?i: the[ ](?:first|last|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)
          | one | two | three | four | five | six | seven | eight | nine | ten | eleven | twelve | first | second | third | fourth | last
          | (?:thir|four|fif|six|seven|eigh|nine)teen | (?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:[- ][a-z]+)? ) )
        (?: [.:,]?$ | [.:]?[ ]?[-–—]{1,2}[ ]?.* | [.:][ ].* | [ ][A-Z"'].* )
      | (?:PROLOGUE|Prologue|EPILOGUE|Epilogue|PREFACE|Preface|INTRODUCTION|Introduction|CONCLUSION|Conclusion|APPENDIX|Appendix)[.]?
      | [IVXLC]{1,7}[.]? | \d{1,3}[.]?
      | [IVXLC]{1,7}[.][ ][A-Z"'].*[^.!?;:,"']""",
    re.VERBOSE,
)


def is_heading(paragraph: str) -> bool:
    """Whether a paragraph is a chapter heading: "CHAPTER I. Title", "Book Two", "XIV.", "# Title", "== Title ==", "= = Title = ="."""
    return len(paragraph) <= _LONGEST_HEADING and paragraph[:1] in _FIRST and _HEADING.fullmatch(paragraph) is not None
