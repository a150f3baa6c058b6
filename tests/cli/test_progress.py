import io

from imagineid_core.cli import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_long_work_shows_a_bar_a_stage_and_short_work_none(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    with progress.stage_bars() as bars:
        bars.frames("identity", 40, 100)
        bars.frames("identity", 100, 100)
        bars.seconds(2.5, None)
    assert "identity" in screen.getvalue()
    assert "decode" in screen.getvalue()

    quiet = Terminal()
    monkeypatch.setattr("sys.stderr", quiet)
    monkeypatch.setattr(progress, "_PATIENCE", 60.0)
    with progress.stage_bars() as bars:
        bars.frames("identity", 100, 100)
    assert quiet.getvalue().strip() == ""


def test_nothing_is_drawn_into_a_log_file(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr("sys.stderr", log)
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    with progress.stage_bars() as bars:
        bars.frames("identity", 50, 100)
    assert log.getvalue() == ""
