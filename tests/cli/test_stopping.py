import signal
import threading

import pytest

from imagineid_core.cli.stopping import heard_between_steps


@pytest.fixture(autouse=True)
def heard():
    """As in a terminal: a shell's background jobs begin with signals ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_press_is_an_answer_and_the_second_interrupts():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), heard_between_steps() as is_stopped:  # noqa: PT012
        assert not is_stopped()
        signal.raise_signal(signal.SIGINT)
        assert is_stopped()
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_afterwards_signals_are_heard_as_before():
    with heard_between_steps():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_another_thread_is_never_stopped():
    answers = []

    def ask():
        with heard_between_steps() as is_stopped:
            answers.append(is_stopped())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [False]
