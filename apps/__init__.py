"""What a person opens: the table, the chat, the drawing. Thin; they know the library, nothing knows them."""
