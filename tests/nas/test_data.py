import hashlib
from pathlib import Path

import numpy as np
import pytest
from samples import part

from edge_runtime.errors import DataError
from edge_runtime.graph import DType, Quantization
from edge_runtime.nas import load, watch_windows
from edge_runtime.nas.data import Normalisation, find_triads, split_validation


def arrays(**changed):
    x, y = np.zeros((6, 8, 2), np.float32), np.array([0, 1, 0, 1, 0, 1])
    whole = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
    whole["subject_train"] = np.array([1, 1, 1, 1, 2, 2])
    whole |= changed
    return {name: array for name, array in whole.items() if array is not None}


def load_arrays(folder: Path, **changed):
    np.savez(folder / "data.npz", **arrays(**changed))
    return load(folder / "data.npz")


@pytest.fixture(scope="module")
def watch():
    pytest.importorskip("importlib.metadata").distribution("seglearn")
    return watch_windows()


def test_nobody_is_in_two_parts(watch):
    people = [set(p.people.tolist()) for p in (watch.train, watch.validation, watch.test)]
    assert people[2] == {8, 9, 10}
    assert people[0] | people[1] == set(range(1, 8))
    assert people[1]
    assert not people[0] & people[1]


def test_statistics_are_of_training_people_only(watch):
    samples = watch.train.windows.reshape(-1, 6).astype(np.float64)
    assert np.allclose(watch.normalisation.mean, samples.mean(0))
    assert np.allclose(watch.normalisation.deviation, samples.std(0))
    everyone = np.concatenate([watch.train.windows, watch.validation.windows]).reshape(-1, 6)
    assert not np.allclose(watch.normalisation.deviation, everyone.std(0), rtol=1e-3)


def test_windows_equal_the_stored_ones(watch, data: Path):
    stored = np.load(data / "watch_exercise_128x6.npz")
    assert np.array_equal(watch.test.labels, stored["y_test"])
    assert np.array_equal(watch.test.people, stored["subject_test"])
    # They were stored as int16 counts of `scale`.
    for window, counts in ((watch.test.windows, stored["x_test"]),):
        assert np.abs(window / stored["scale"] - counts).max() <= 0.51
    trained = np.isin(stored["subject_train"], np.unique(watch.train.people))
    assert np.abs(watch.train.windows / stored["scale"] - stored["x_train"][trained]).max() <= 0.51
    assert np.array_equal(watch.train.labels, stored["y_train"][trained])


def test_the_stored_set_loads_to_the_same_split(watch, data: Path):
    loaded = load(data / "watch_exercise_128x6.npz")
    assert np.array_equal(loaded.validation.people, watch.validation.people)
    assert np.allclose(loaded.test.windows, watch.test.windows, atol=6e-4)
    assert loaded.class_names == watch.class_names
    assert loaded.triads == watch.triads == ((0, 1, 2), (3, 4, 5))


def test_another_file_is_refused_before_it_is_unpickled(tmp_path, monkeypatch):
    from edge_runtime.nas import watch

    other = tmp_path / "watch_dataset.npy"
    np.save(other, np.zeros(3))
    monkeypatch.setattr(watch, "_find", lambda: other)
    monkeypatch.setattr(np, "load", lambda *a, **k: pytest.fail("it was read"))
    with pytest.raises(DataError, match=hashlib.sha256(other.read_bytes()).hexdigest()):
        watch.watch_windows()


def test_a_missing_package_says_what_to_install(monkeypatch):
    from importlib import metadata

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "files", missing)
    with pytest.raises(DataError) as error:
        watch_windows()
    assert "seglearn==" in error.value.hint


def test_validation_takes_whole_people(tmp_path):
    data = load_arrays(tmp_path)
    assert set(data.train.people.tolist()) == {1}
    assert set(data.validation.people.tolist()) == {2}


def test_one_person_always_stays_in_training():
    train, validation = split_validation(part([1, 2], 3, 0), share=0.99)
    assert len(set(train.people.tolist())) == len(set(validation.people.tolist())) == 1


def test_without_people_the_last_of_each_class_validate():
    whole = part([1], 30, 0)
    whole = type(whole)(whole.windows, whole.labels, None)
    train, validation = split_validation(whole, share=0.2)
    assert sorted(validation.labels.tolist()) == [0, 0, 1, 1, 2, 2]
    assert np.array_equal(validation.windows, whole.windows[-6:])
    assert len(train) == 24


def test_given_validation_windows_are_used(tmp_path):
    x, y = np.ones((2, 8, 2)), np.array([0, 1])
    data = load_arrays(tmp_path, x_val=x, y_val=y)
    assert len(data.train) == 6
    assert data.validation.windows.max() == 1


def test_integers_are_scaled(tmp_path):
    counts = np.full((6, 8, 2), 100, np.int16)
    data = load_arrays(tmp_path, x_test=counts, scale=np.array([0.5, 0.25]))
    assert data.test.windows[0, 0].tolist() == [50, 25]


NAN = np.full((6, 8, 2), np.nan)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x_train": None}, "x_train is missing"),
        ({"y_test": None}, "y_test is missing"),
        ({"x_val": np.zeros((2, 8, 2))}, "y_val is missing"),
        ({"x_train": NAN}, "x_train holds values that are not finite"),
        ({"x_train": np.zeros((6, 8))}, "x_train is float64"),
        ({"x_train": np.array(["a"] * 6)}, "x_train is <U1"),
        ({"y_train": np.zeros(5, int)}, "5 entries for 6 windows"),
        ({"y_train": np.array([0.5] * 6)}, "no whole numbers"),
        ({"y_train": np.array([0, 1, 0, 1, 0, -1])}, "no whole numbers"),
        ({"y_test": np.array([0, 1, 0, 1, 0, 2])}, r"classes \[2\] have no training window"),
        ({"x_test": np.zeros((6, 9, 2))}, "test windows are"),
        ({"x_test": np.zeros((0, 8, 2))}, "x_test is empty"),
        ({"subject_train": np.ones(6, int)}, "one person only"),
        ({"subject_test": np.full(6, 2)}, "person 2 is in both validation and test"),
        ({"scale": np.ones(3)}, "scale is"),
        ({"scale": np.array([1, np.nan])}, "scale holds"),
        ({"mirror": np.array([1, 0])}, "mirror is"),
        ({"class_names": np.array(["a"])}, "class_names has 1"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, changed, message):
    with pytest.raises(DataError, match=message):
        load_arrays(tmp_path, **changed)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b"\x93NUMPY", b"random"])
def test_files_that_are_no_npz_are_refused(tmp_path, content):
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(DataError):
        load(path)
    with pytest.raises(DataError, match="no file"):
        load(tmp_path / "absent.npz")


def test_pickled_arrays_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "data.npz", x_train=np.array([{}], object))
    with pytest.raises(DataError):
        load(tmp_path / "data.npz")


def test_conversion_gives_the_stored_value_of_the_normalised_one():
    windows = np.random.default_rng(0).normal(3, 5, (4, 10, 2)).astype(np.float32)
    normal = Normalisation.of(windows)
    quantization = Quantization.per_tensor(12 / 255, -3)
    gain, offset = normal.conversion(quantization)
    direct = np.clip(np.rint(windows * gain + offset), -128, 127)
    stored = quantization.quantize(normal.apply(windows), DType.INT8)
    assert np.abs(direct - stored).max() <= 1
    assert (direct == stored).mean() > 0.99


def test_a_constant_sensor_does_not_divide_by_zero():
    windows = np.ones((2, 4, 1), np.float32)
    assert not Normalisation.of(windows).apply(windows).any()


def test_triads():
    assert find_triads(["ax", "wy", "ay", "az", "temperature", "wx"]) == ((0, 2, 3),)
