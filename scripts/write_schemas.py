"""Write the schema files of manifest and report again, from the code: ``python -m scripts.write_schemas``.

Before a release only; afterwards a change of either raises its version and gets a file of its own.
"""

import json
from pathlib import Path

from bedside.bundle.manifest import SCHEMA_VERSION, current_schema
from bedside.bundle.report_numbers import REPORT_VERSION, current_report_schema

FOLDER = Path(__file__).parents[1] / "src" / "bedside" / "bundle" / "schema"


def main() -> None:
    """Write both, as their tests want them."""
    schemas = {
        f"manifest-{SCHEMA_VERSION}.json": current_schema(),
        f"report-{REPORT_VERSION}.json": current_report_schema(),
    }
    for name, schema in schemas.items():
        (FOLDER / name).write_text(json.dumps(schema, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
