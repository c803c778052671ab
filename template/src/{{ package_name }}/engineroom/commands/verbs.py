"""A group of verbs, each a function: how it ends, in a terminal and in a log alike."""

import difflib
import sys
from collections.abc import Mapping
from typing import Any

import click

COMPLETE = "VERBS_COMPLETE"  # the variable by which a shell asks for completion, the same in every project
REST = {"ignore_unknown_options": True, "help_option_names": []}  # of a verb that hands its options on
MISUSE = 2
INTERRUPTED = 130  # what a shell gives for Ctrl-C


class Verb(click.Command):
    """A function that is called by its name. It gives its exit status, or nothing for 0.

    Parameters:
        then: what to do next, by exit status, or as text for status 0; `{option}` stands for what was given.
        misuse: the exit status of a wrong argument.
    """

    def __init__(self, *given: Any, then: str | Mapping[int, str] = "", misuse: int = MISUSE, **named: Any) -> None:
        super().__init__(*given, **named)
        self.then = {0: then} if isinstance(then, str) else then
        self.misuse = misuse

    def invoke(self, ctx: click.Context) -> int:
        """Run it: what the user can mend is one sentence, anything else keeps its traceback."""
        try:
            status = super().invoke(ctx) or 0
        except _user_error() as error:
            sys.exit(f"{self.name}: {error}")
        except KeyboardInterrupt:
            click.echo(f"{self.name}: stopped", err=True)
            sys.exit(INTERRUPTED)
        if self.then.get(status) and not ctx.find_root().params.get("step"):
            click.echo(f"next: {self.then[status].format(**ctx.params)}")
        return int(status)


def _user_error() -> type[Exception]:
    """Imported where something was raised: a verb that succeeds may do without what it costs."""
    from ..contract import UserError

    return UserError


class Verbs(click.Group):
    """Verbs in the order in which they were written. With `--step`, one is part of another, which says what is next."""

    command_class = Verb

    def __init__(self, *given: Any, **named: Any) -> None:
        step = click.Option(["--step"], is_flag=True, hidden=True)
        shown = {"subcommand_metavar": "VERB [OPTIONS]", "options_metavar": ""}
        super().__init__(*given, **{"params": [step], **shown, **named})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args[0] not in self.commands:
            likely = difflib.get_close_matches(args[0], self.commands, 1)
            ctx.fail(f"{args[0]!r} is no verb" + (f", but {likely[0]!r} is" if likely else ""))
        return super().resolve_command(ctx, args)

    def main(self, *given: Any, **named: Any) -> Any:
        """Ends the process. A wrong argument is one sentence on stderr."""
        named = {"complete_var": COMPLETE} | named | {"standalone_mode": False}
        try:
            sys.exit(super().main(*given, **named))
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help() if error.ctx else "")
            sys.exit(MISUSE)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            verb = context.command if context else self
            path = context.command_path if context else ""
            name = verb.name if isinstance(verb, Verb) else path.split()[-1]
            sentence = error.format_message().replace("\n", " ").rstrip(".")
            click.echo(f"{name}: {sentence}; {path} --help lists what is allowed", err=True)
            sys.exit(verb.misuse if isinstance(verb, Verb) else MISUSE)
