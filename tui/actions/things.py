"""What an id led to, in words. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from store.actor import ActingUser
from store.model import Asset, GenerationJob, Located, Project
from tui.actions.user_choices import user_name
from tui.screens.pick import Choice
from tui.words.job_names import job_name
from tui.words.text import clean
from tui.words.toast import Toast


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    what: GenerationJob | Project | Asset | ActingUser
    is_hidden: bool = False
    """Whether the operator sees it, and the present eyes do not."""

    @property
    def key(self) -> str:
        return f"{type(self.what).__name__} {self.what.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenJob:
    """What an id led to and the present eyes do not see."""

    job: GenerationJob
    project: Project | None
    """As the operator sees it."""


def things(seen: Located, everything: Located) -> list[Thing]:
    """`seen` by the present eyes, `everything` by the operator's. Which users there are is the operator's to know."""
    visible = list(_parts(seen))
    ids = {what.id for what in visible}
    return [
        *(Thing(what=what) for what in visible),
        *(Thing(what=what, is_hidden=True) for what in _parts(everything) if what.id not in ids),
        *(Thing(what=user) for user in everything.users),
    ]


def _parts(located: Located) -> Iterator[GenerationJob | Project | Asset]:
    yield from located.jobs
    yield from located.projects
    yield from located.assets


def thing_name(what: GenerationJob | Project | Asset | ActingUser) -> str:
    match what:
        case GenerationJob():
            return f"job {job_name(what)}"
        case Project():
            return f"project “{clean(what.name, limit=40)}”"
        case Asset():
            return f"asset {clean(what.storage_path, limit=60)}"
        case ActingUser():
            return f"user {clean(user_name(what), limit=60)}"


def thing_choice(thing: Thing, eyes: str) -> Choice:
    detail = str(thing.what.id)
    name = thing_name(thing.what)
    hidden = f"hidden from {eyes}, " if thing.is_hidden else ""
    return Choice(key=thing.key, label=f"{name[:1].upper()}{name[1:]}", detail=f"{hidden}{detail}")


def hidden_toast(thing: Thing, eyes: str, *, lens_key: str, eyes_key: str) -> Toast:
    """Through the lens one sees jobs alone."""
    how = f"press {lens_key} for why" if isinstance(thing.what, GenerationJob) else f"press {eyes_key} for the operator"
    name = thing_name(thing.what)
    return Toast(text=f"The {name} exists, but {eyes} does not see it: {how}.", severity="warning")


def nothing_toast(text: str, eyes: str | None) -> Toast:
    """`eyes` are a user's; None where the operator looked."""
    nobody = "" if eyes is None else f", neither for {eyes} nor for the operator"
    return Toast(text=f"No job, project, asset or user has the id {clean(text, limit=40)}{nobody}.", severity="warning")


def unused_asset_toast(asset: Asset) -> Toast:
    return Toast(text=f"No job listed uses the asset {clean(asset.storage_path, limit=60)}. Its project is shown.")


def hidden_project_toast(asset: Asset, eyes: str) -> Toast:
    return Toast(text=f"The {thing_name(asset)} is in a project that {eyes} does not see.", severity="warning")
