import pytest

from msa.identifier import decode, encode, new_id


@pytest.mark.parametrize("value", [0, 1, 61, 62, 3844, 2**128 - 1])
def test_an_id_is_decoded_to_the_number_it_was_made_of(value: int) -> None:
    assert decode(encode(value)) == value


def test_a_fresh_id_is_a_uuid_of_version_7() -> None:
    assert decode(new_id()) >> 76 & 0xF == 7


@pytest.mark.parametrize("id", ["", "0" * 21, "0" * 23, "z" * 22, "0" * 21 + "-"])
def test_what_is_no_id_is_not_decoded(id: str) -> None:
    with pytest.raises(ValueError, match=r"is no id|substring not found"):
        decode(id)
