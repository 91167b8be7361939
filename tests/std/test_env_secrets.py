from treadle_std.secrets.env import Env, open_env, treadle_secret_providers


def test_a_secret_is_the_variable_of_its_name(monkeypatch):
    monkeypatch.setenv("CHAT_URL", "https://chat")
    assert open_env(Env())("CHAT_URL") == "https://chat"


def test_the_prefix_goes_before_the_name(monkeypatch):
    monkeypatch.setenv("APP_TOKEN", "t")
    look_up = open_env(Env(prefix="APP_"))
    assert look_up("TOKEN") == "t"
    assert look_up("APP_TOKEN") is None


def test_a_variable_that_is_not_set_is_no_secret_and_an_empty_one_is(monkeypatch):
    monkeypatch.delenv("TOKEN", raising=False)
    look_up = open_env(Env())
    assert look_up("TOKEN") is None
    monkeypatch.setenv("TOKEN", "")
    assert look_up("TOKEN") == ""


def test_its_entry():
    (entry,) = treadle_secret_providers()
    assert (entry.name, entry.main) == ("env", "prefix")
