"""Options that take several values at once, as the shell's patterns give them: `--cases a b c`."""

from __future__ import annotations

import click


class SeveralValues(click.Command):
    """A command whose options with `multiple=True` take all words up to the next option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        several = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        spread: list[str] = []
        option = None
        for place, word in enumerate(args):
            if word == "--":
                spread += args[place:]
                break
            if word.startswith("-") and len(word) > 1:
                option = word if word in several else None
                spread.append(word)
            elif option is not None and spread[-1] != option:
                spread += [option, word]
            else:
                spread.append(word)
        return super().parse_args(ctx, spread)
