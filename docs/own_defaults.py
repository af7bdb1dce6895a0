"""In the API reference, each name of an entry "low, high : float" has a default of its own."""

import griffe


class OwnDefaults(griffe.Extension):
    """Take defaults, and types that the docstring leaves out, from the signature."""

    def on_package(self, *, pkg, **_):
        """Look at every class and function."""
        todo, seen = [pkg], set()
        while todo:
            found = todo.pop()
            if found.is_alias or found.path in seen:
                continue
            seen.add(found.path)
            todo.extend(found.members.values())
            if (found.is_class or found.is_function) and found.docstring and len(found.parameters):
                correct(found)


def correct(documented):
    """Give the parameters of a docstring what the signature says of each."""
    signature = documented.parameters
    types = [parameter.annotation for parameter in signature]
    for section in documented.docstring.parsed:
        if section.kind is griffe.DocstringSectionKind.parameters:
            for parameter in section.value:
                if parameter.name in signature:
                    signed = signature[parameter.name]
                    parameter.value = signed.default
                    if any(parameter.annotation is borrowed for borrowed in types):
                        parameter.annotation = signed.annotation
