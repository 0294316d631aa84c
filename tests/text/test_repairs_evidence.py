"""Words, lines and paragraphs are changed on evidence alone: what is right in another language or about another matter stays."""

from dataclasses import replace

import pytest

from pipeline.text.repair.clean import clean_text
from pipeline.text.repair.licence import licence
from pipeline.text.repair.ocr import ocr
from pipeline.text.repair.paragraphs import wrapping
from tests.text.repair_settings import SETTINGS as ALL

SETTINGS = replace(ALL, mask=dict.fromkeys(ALL.mask))
PROSE = """The House

The gate stood open when the two friends came up the long road, and nobody had seen the keeper since the morning.

"We must look for him," said Bo, and he took the lamp that hung beside the door. The other nodded. It was not the first time."""


def cleaned(text: str) -> str:
    return clean_text(text, SETTINGS)[0]


@pytest.mark.parametrize(
    "text",
    [
        "The cook came in and said that chili con carne was good. She came back, and they came too. It came with the bread.",
        "Mr. Horne went home, and then he was at home with them. Old Horne was not at home. The home of Mrs. Horne was his home.",
        "It has the blue lias, and the land has it; he has said that it has no end. The sea has it too.",
        "La carne de cerdo came de carne y la carne con pan.",
        "Il faut lier la corne avec son her, lier encore, come la corne, come les cornes.",
        "The cornet and the comet: a comet, a comet, a comet and one cornet were seen by all of them.",
        "The old house of the Sorne family was some way off; some of them said that there was some light in it, and some sound.",
        "Es war an dem Abend, als wir heben und lieben: lieben, lieben und lieben und nicht heben.",
    ],
)
def test_words_and_names_that_look_misread_stay_where_nothing_tells_of_a_scanner(text: str) -> None:
    assert ocr(text) == (text, 0)


def test_unsure_letters_are_mended_where_the_text_was_scanned() -> None:
    scanned = (
        "In tbe evening they saw his lantem and the lantern, the lantern by the vvater. Tliere it was. Then Sorne of tbe men came home."
    )
    mended = "In the evening they saw his lantern and the lantern, the lantern by the water. There it was. Then Sorne of the men came home."
    assert ocr(scanned)[0] == mended
    assert ocr("It was there. Sorne of tbe men went with them.")[0] == "It was there. Some of the men went with them."


def test_a_common_word_that_stands_oftener_is_evidence_of_its_own() -> None:
    text = "In the {} he was there, and the next morning, and every morning of that week."
    assert ocr(text.format("moming"))[0] == text.format("morning")


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        ("這是一個很長的句子，\n它在行末斷開了\n而且沒有空格。", "這是一個很長的句子，它在行末斷開了而且沒有空格。"),
        ("これはとても長い\n文章です。そして\nカタカナも\n続きます。", "これはとても長い文章です。そしてカタカナも続きます。"),
        ("「这是第一行」\n第二行在这里。\n（第三行）\n结束了。", "「这是第一行」第二行在这里。（第三行）结束了。"),
        ("이것은 긴 문장\n이고 여기서\n끝납니다.", "이것은 긴 문장 이고 여기서 끝납니다."),
        ("我們使用 Python\n語言來寫程式\nand more\n的時候", "我們使用 Python 語言來寫程式 and more 的時候"),
    ],
)
def test_lines_of_scripts_without_blanks_are_joined_without_one(lines: str, joined: str) -> None:
    assert wrapping(lines)[0] == joined


ARTICLE = (
    "The copyright settlement that Google reached with publishers over the scanning of books in libraries was long in the making.",
    "In 2004 the company began to digitize the holdings of large libraries, and to let readers search the copies online.",
    "Authors said that copyright was infringed; the company said that to search and to show small parts was fair use, as the law permits.",
    "The judge asked what the copies cost, who had given permission, and whether public domain works were treated like the others.",
    "In the end the publishers and libraries agreed, and the archive stayed online.",
)


def test_an_article_about_copyright_is_no_licence() -> None:
    for text in ("\n\n".join(ARTICLE), "\n\n".join(ARTICLE[:3]), "\n\n".join([*ARTICLE, *ARTICLE])):
        assert licence(text) == (text, 0)


def test_a_text_about_a_maker_of_free_books_keeps_its_paragraphs() -> None:
    text = "\n\n".join(
        [
            "Michael Hart, who founded Project Gutenberg and typed its first ebook, has died at his home in Urbana.",
            "He began in 1971, when he was given time on a computer, and typed a declaration that others could copy.",
            "Project Gutenberg grew for decades by the work of volunteers. He is survived by a brother.",
        ]
    )
    assert licence(text) == (text, 0)


def test_a_notice_takes_no_more_than_a_third_of_what_is_more_than_a_notice() -> None:
    notice = (
        "This work is licensed under a Creative Commons licence; all rights reserved by the publishers, copies are permitted at no cost."
    )
    text = "\n\n".join([notice, *ARTICLE])
    assert licence(text)[0] == "\n\n".join(ARTICLE)
    assert licence("\n\n".join([*ARTICLE, notice]))[0] == "\n\n".join(ARTICLE)
    again = f"What is in the public domain, {ARTICLE[0]}"
    assert licence("\n\n".join([*ARTICLE, again, notice]))[0].endswith(ARTICLE[0])


def test_a_title_above_a_notice_and_an_end_below_one_stay() -> None:
    notice = "This work is licensed under a Creative Commons Attribution 4.0 licence. You may share and adapt copies of it."
    assert cleaned(f"The Gate\n\nby Ada Stone\n\n{notice}\n\n{PROSE}") == f"The Gate\n\nby Ada Stone\n\n{PROSE}"
    assert cleaned(f"{PROSE}\n\n{notice}\n\nTHE END") == f"{PROSE}\n\nTHE END"
