"""What the hosts of a job see of each other."""

from headgate_local.sagemaker.jobs.container import Hosts, moved, tensorflow_clusters


def test_hosts_are_numbered_from_one() -> None:
    first, second = Hosts.of(2)
    assert first.names == second.names == ("algo-1", "algo-2")
    assert (first.current, first.index, second.current, second.index) == ("algo-1", 0, "algo-2", 1)


def test_other_jobs_get_no_cluster() -> None:
    assert tensorflow_clusters({}, 2) == [{}, {}]


def test_only_whole_paths_are_moved(tmp_path) -> None:
    assert moved("/opt/ml/model", tmp_path) == f"{tmp_path}/opt/ml/model"
    assert moved("--path=/opt/ml/model", tmp_path) == "--path=/opt/ml/model"
    assert moved("/opt/mlx", tmp_path) == "/opt/mlx"
