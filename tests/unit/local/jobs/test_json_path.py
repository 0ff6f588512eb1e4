"""The JSONPath of batch transform's filters."""

import pytest

from headgate_local.sagemaker.jobs.json_path import JsonPath, PathError

ROW = [10, 11, 12, 13, 14, 15, 16]
OBJECT = {"id": 1, "features": {"a": [1, 2], "b c": 3}, "more": None}


@pytest.mark.parametrize(
    ("path", "value", "selected"),
    [
        ("$", OBJECT, OBJECT),
        ("$.id", OBJECT, 1),
        ("$.more", OBJECT, None),
        ("$.features.a[1]", OBJECT, 2),
        ("$['features']['b c']", OBJECT, 3),
        ('$["id", "more"]', OBJECT, {"id": 1, "more": None}),
        ("$.features.*", OBJECT, [[1, 2], 3]),
        ("$.features.a[*]", OBJECT, [1, 2]),
        ("$[1:]", ROW, ROW[1:]),
        ("$[:-1]", ROW, ROW[:-1]),
        ("$[2:4]", ROW, [12, 13]),
        ("$[0,5:]", ROW, [10, 15, 16]),
        ("$[0, -1]", ROW, [10, 16]),
        ("$[-2]", ROW, 15),
    ],
)
def test_paths_select(path, value, selected) -> None:
    assert JsonPath(path).select(value) == selected


@pytest.mark.parametrize("path", ["", "id", "$.", "$[", "$[]", "$[a]", "$[?(@.a)]", "$..a", "$['a]", "$[,]", "$.a b["])
def test_other_text_is_no_path(path) -> None:
    with pytest.raises(PathError, match="is not a JSONPath"):
        JsonPath(path)


@pytest.mark.parametrize(
    ("path", "value"),
    [("$.none", OBJECT), ("$['id','none']", OBJECT), ("$.id", ROW), ("$[7]", ROW), ("$[0,7]", ROW), ("$[0]", OBJECT),
     ("$[*]", 1)],
)  # fmt: skip
def test_what_is_not_there_cannot_be_selected(path, value) -> None:
    with pytest.raises(PathError, match="nothing at"):
        JsonPath(path).select(value)
