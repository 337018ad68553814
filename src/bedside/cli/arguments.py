"""Arguments and options that several verbs share."""

from pathlib import Path
from typing import Annotated

import typer

BundleArgument = Annotated[Path, typer.Argument(help="Bundle folder or .bedside file.", show_default=False)]
TrustOption = Annotated[str | None, typer.Option("--trust", help="Public key or fingerprint that must have signed.")]
FormatOption = Annotated[str | None, typer.Option("--format", help="Model format: litert, executorch or onnx.")]
PrecisionOption = Annotated[str | None, typer.Option(help="Precision: int8 or fp32.")]
