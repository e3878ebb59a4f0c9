"""What the function answers."""

import json

from functions.reply import Reply


def test_an_answer_is_json_unless_it_is_bytes():
    """A reply of bytes is sent as it is, with its own content type; anything else is sent as JSON."""
    page = Reply(b"<p>\xc3\xa9</p>", content_type="text/html; charset=utf-8")
    assert (page.content, page.content_type) == (b"<p>\xc3\xa9</p>", "text/html; charset=utf-8")
    told = Reply({"message": "é"})
    assert (json.loads(told.content), told.content_type) == ({"message": "é"}, "application/json")
