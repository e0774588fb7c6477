"""Tag lists of DKIM and its kin."""

from msa.message.tags import MAX_TAGS, read_tags


def test_tags_are_unfolded_and_stripped() -> None:
    tags = read_tags(b" v=1; h=from:to:\r\n\tsubject ;\r\n b = aGk= ; ;x")

    assert tags == {"v": b"1", "h": b"from:to:\tsubject", "b": b"aGk="}


def test_the_first_of_two_tags_counts() -> None:
    assert read_tags(b"d=a.example; d=b.example") == {"d": b"a.example"}


def test_only_so_many_tags_are_read() -> None:
    assert len(read_tags(b"".join(b"t%d=1;" % n for n in range(1_000)))) == MAX_TAGS
