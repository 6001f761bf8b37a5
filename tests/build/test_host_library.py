"""The model as a library of this machine."""

from __future__ import annotations

import pytest
from tiny_model import expected, write_tiny_model

from edge_runtime.device.build import build
from edge_runtime.device.host import HostModel, build_host
from edge_runtime.device.host_cpu import cpu_of
from edge_runtime.errors import BoardError, DataError, ToolchainError

VALUES = bytes([1, 2, 3, 250, 0, 9, 8, 7])


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return build_host(write_tiny_model(tmp_path_factory.mktemp("host"), "host"))


def test_it_runs(library):
    model = HostModel(library)
    assert (model.name, model.input_bytes, model.output_bytes) == ("tiny", (8,), (8,))
    assert model.run([VALUES]) == [expected(VALUES, 0)]
    assert model.run([VALUES]) == [expected(VALUES, 1)]
    model.reset()
    assert model.run([VALUES]) == [expected(VALUES, 0)]


def test_two_models_do_not_share_their_state(library):
    one, other = HostModel(library), HostModel(library)
    one.run([VALUES])
    assert other.run([VALUES]) == [expected(VALUES, 0)]
    assert one.run([VALUES]) == [expected(VALUES, 1)]


def test_inputs_must_have_their_size(library):
    model = HostModel(library)
    for inputs in ([], [b"1234567"], [VALUES, VALUES]):
        with pytest.raises(DataError, match=r"the model takes \(8,\)"):
            model.run(inputs)


def test_a_file_that_is_no_model(tmp_path):
    wrong = tmp_path / "model.so"
    wrong.write_bytes(b"not a library")
    with pytest.raises(ToolchainError, match="cannot load"):
        HostModel(wrong)
    with pytest.raises(ToolchainError, match="cannot load"):
        HostModel(tmp_path / "missing.so")


def test_folders_are_not_mixed_up(tmp_path):
    with pytest.raises(BoardError, match="runs no firmware"):
        build(write_tiny_model(tmp_path / "a", "host"))
    with pytest.raises(BoardError, match="is for rpi_pico"):
        build_host(write_tiny_model(tmp_path / "b", "rpi_pico"))


def test_the_compiler_is_told_what_the_processor_can_do():
    v3 = frozenset(["fpu", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"])
    assert cpu_of("x86_64", v3) == "x86_64_v3"
    assert cpu_of("x86_64", v3 - {"avx2"}) == "baseline"
    assert cpu_of("aarch64", frozenset(("asimd", "asimddp"))) == "baseline+dotprod"
    assert cpu_of("aarch64", frozenset(("asimd",))) == "baseline"
    assert cpu_of("riscv64", v3) == "baseline"
