"""Reading a form from a page as a browser does: its fields and what stands in them."""

from html.parser import HTMLParser


class _Fields(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._action = action
        self._inside = False
        self._text = ""
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form":
            self._inside = given.get("action", "").endswith(self._action)
        elif not self._inside:
            return
        elif tag == "input" and name:
            chosen = given.get("type") not in {"radio", "checkbox"} or "checked" in given
            if chosen:
                self.fields[name] = given.get("value", "")
        elif tag == "textarea":
            self._text = name
            self.fields[name] = ""
        elif tag == "select":
            self._select = name
        elif (
            tag == "option"
            and self._select
            and ("selected" in given or self._select not in self.fields)
        ):
            self.fields[self._select] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._text:
            self.fields[self._text] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            self.fields[self._text] = self.fields[self._text].removeprefix("\n")
            self._text = ""
        elif tag == "select":
            self._select = ""


def fields_of(page: str, action: str) -> dict[str, str]:
    """Return the fields of the form on `page` whose action ends with `action`."""
    reader = _Fields(action)
    reader.feed(page)
    assert reader.fields, f"there is no form for {action}"
    return reader.fields
