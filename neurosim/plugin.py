"""Plug-ins are modules: a module's name is the plug-in's name. A path to a .py file works as well."""

import difflib
import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from neurosim.errors import ConfigError

__all__ = ["load", "names"]


def names(package: str) -> tuple[str, ...]:
    """Names of the plug-ins that `package` (dotted name) ships, in alphabetical order."""
    found = importlib.import_module(package)
    return tuple(sorted(m.name for m in pkgutil.iter_modules(found.__path__) if not m.name.startswith("_")))


def load(package: str, name: str, kind: str) -> ModuleType:
    """The plug-in `name` of `package`, or the module in the file `name` if that ends in .py.

    Raises ConfigError with a suggestion if there is none; `kind` names it in the message ("rule").
    """
    if name.endswith(".py"):
        return _load_file(Path(name), kind)
    known = names(package)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise ConfigError(f"{kind}: expected one of {', '.join(known)} or a .py file, got '{name}'{hint}")
    return importlib.import_module(f"{package}.{name}")


def _load_file(path: Path, kind: str) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"{kind}: expected a Python file, found nothing at {path}")
    package = f"neurosim_{kind}_file"
    sys.modules.setdefault(package, ModuleType(package))  # compiled code is pickled by the names of its types
    name = f"{package}.{path.stem}"  # the plug-in's name is what follows the last dot
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{kind}: {path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(f"{kind}: {path} fails at import: {type(error).__name__}: {error}") from error
    return module
