"""The server log is rotated, and its last severe line is found."""

from pathlib import Path

from store.embedded.cluster import complaint, rotate, written_since


def test_large_log_is_rotated_and_three_old_logs_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    for name in "abcde":
        log.write_text(name * 1_000_001)
        rotate(log)
    kept = {path.name: path.read_text()[0] for path in tmp_path.iterdir()}
    assert kept == {"postgres.log.1": "e", "postgres.log.2": "d", "postgres.log.3": "c"}


def test_small_log_is_not_rotated(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    rotate(log)
    log.write_text("before\n")
    rotate(log)
    assert log.read_text() == "before\n"
    assert written_since(log, 3) == "ore\n"


def test_log_complaint_is_the_last_severe_line_without_control_characters() -> None:
    assert complaint("LOG:  a\nFATAL:  b\nLOG:  database system is shut down\n") == "FATAL:  b"
    assert complaint("initdb: error: no space\ninitdb: removing the directory\n") == "initdb: error: no space"
    assert complaint("one\ntwo\n") == "two"
    assert complaint("\n") == "it printed nothing"
    assert complaint("FATAL: \x1b[31m red\x07") == "FATAL: [31m red"
