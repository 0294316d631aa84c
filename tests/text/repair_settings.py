"""All repairs, each of their policies at its default."""

from pipeline.text.repair.clean import Settings

SETTINGS = Settings(
    repairs=None,
    quotes="straight",
    italics="strip",
    editorial="strip",
    mask={"email": "[mail]", "phone": "[phone]", "card": "[card]", "ip": "[ip]", "ssn": "[ssn]", "iban": "[iban]", "secret": "[secret]"},
)
