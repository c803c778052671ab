"""What a type of column needs is found by its type."""

from engineroom.encoding import FEATURES, MAKERS, MEDIA_TYPES, PARSERS, UNPACKED, image, text


def test_functions_are_found_by_the_type_of_a_column_and_there_are_none_for_plain_values() -> None:
    assert PARSERS["text"] is text.parse and MAKERS["image"] is image.invent and UNPACKED["image"] is image.unpacked
    assert "number" not in PARSERS and "text" not in UNPACKED and UNPACKED.get("text") is None
    assert set(PARSERS) == set(MAKERS) == set(MEDIA_TYPES) == {*FEATURES["text"], *FEATURES["image"]}
    assert "image/png" in MEDIA_TYPES["image"] and MEDIA_TYPES["text"] == ("text/plain",)
