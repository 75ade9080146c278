"""A small terminal: what becomes of what a program writes to one."""

import re
import unicodedata

CONTROL = re.compile("\x1b\\[([0-9;]*)([A-Za-z])")


def columns(character):
    """How many columns a character takes."""
    if unicodedata.combining(character) or character in "\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Row:
    def __init__(self, width):
        self.cells = [" "] * width  # the second of a wide character is ""
        self.wrapped = False

    def text(self):
        return "".join(self.cells).rstrip()


class Screen:
    """Wraps at the last column as xterm does; with `wraps_anew` a change of width re-wraps what was wrapped."""

    def __init__(self, width=80, height=24, wraps_anew=True):
        self.width, self.height, self.wraps_anew = width, height, wraps_anew
        self.rows = [Row(width) for _ in range(height)]
        self.history = []  # rows that have left the screen at its top
        self.row = self.column = 0
        self.full = False  # the next character goes to the next row
        self.unfinished = b""

    def write(self, data):
        data = self.unfinished + data
        self.unfinished = b""
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            if error.end < len(data) or len(data) - error.start > 3:
                raise
            text, self.unfinished = data[: error.start].decode(), data[error.start:]
        escape = text.rfind("\x1b")
        if escape >= 0 and not CONTROL.match(text, escape):
            text, self.unfinished = text[:escape], text[escape:].encode() + self.unfinished
        at = 0
        while at < len(text):
            control = CONTROL.match(text, at)
            if control:
                self.control(control[2], [int(one or 0) for one in control[1].split(";")])
                at = control.end()
            else:
                self.put(text[at])
                at += 1

    def text(self):
        """The rows that have something on them, without blanks at their ends."""
        rows = [row.text() for row in self.rows]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def everything(self):
        return [row.text() for row in self.history] + self.text()

    def cursor(self):
        return self.row, self.column

    def put(self, character):
        if character == "\r":
            self.column, self.full = 0, False
        elif character == "\n":
            self.line_feed()
        elif character == "\b":
            self.column, self.full = max(self.column - 1, 0), False
        elif unicodedata.category(character) == "Cc":
            raise AssertionError(f"control character {character!r}")
        elif columns(character) == 0:
            at = self.column if self.full else self.column - 1
            while at > 0 and not self.rows[self.row].cells[at]:
                at -= 1
            assert at >= 0, "nothing to combine with"
            self.rows[self.row].cells[at] += character
        else:
            self.print(character)

    def print(self, character):
        wide = min(columns(character), self.width)
        if self.full or self.column + wide > self.width:
            self.rows[self.row].wrapped = True
            self.line_feed()
            self.column = 0
        self.rows[self.row].cells[self.column: self.column + wide] = [character, ""][:wide]
        self.column += wide
        self.full = self.column == self.width
        if self.full:
            self.column -= 1

    def line_feed(self):
        self.full = False
        self.row += 1
        if self.row == self.height:
            self.history.append(self.rows.pop(0))
            self.rows.append(Row(self.width))
            self.row -= 1

    def control(self, function, numbers):
        some = max(numbers[0], 1)
        if function == "A":
            self.row = max(self.row - some, 0)
        elif function == "B":
            self.row = min(self.row + some, self.height - 1)
        elif function == "C":
            self.column = min(self.column + some, self.width - 1)
        elif function == "H":
            self.row = self.column = 0
        elif function == "K":
            self.erase(self.row, self.column)
        elif function == "J":
            if numbers[0] == 2:
                self.rows = [Row(self.width) for _ in range(self.height)]
            else:
                self.erase(self.row, self.column)
                for row in range(self.row + 1, self.height):
                    self.erase(row, 0)
        elif function != "m":
            raise AssertionError(f"control function {function}")
        if function in "ABCH":
            self.full = False

    def erase(self, row, column):
        self.rows[row].cells[column:] = [" "] * (self.width - column)
        self.rows[row].wrapped = False

    def resize(self, width):
        if not self.wraps_anew:
            self.width = width
            for row in self.rows:
                row.cells = (row.cells + [" "] * width)[:width]
            self.column, self.full = min(self.column, width - 1), False
            return
        lines, goes_on, cursor = [], False, None
        for number, row in enumerate(self.rows):
            if not goes_on:
                lines.append([])
            if number == self.row:
                cursor = len(lines) - 1, len(lines[-1]) + self.column
            goes_on = row.wrapped
            cells = list(row.cells)
            if goes_on and cells[-1] == " ":  # a wide character did not fit
                cells.pop()
            lines[-1] += cells
        self.width, self.rows = width, []
        for number, cells in enumerate(lines):
            least = cursor[1] + 1 if number == cursor[0] else 0
            while len(cells) > least and cells[-1] == " ":
                cells.pop()
            cells += [" "] * (least - len(cells))
            self.rows.append(Row(width))
            used = 0
            for at, cell in enumerate(cells):
                if not cell:
                    continue
                wide = 2 if at + 1 < len(cells) and not cells[at + 1] else 1
                if used + wide > width:
                    self.rows[-1].wrapped = True
                    self.rows.append(Row(width))
                    used = 0
                if number == cursor[0] and at <= cursor[1]:
                    self.row, self.column = len(self.rows) - 1, used
                self.rows[-1].cells[used: used + wide] = [cell, ""][:wide]
                used += wide
        while len(self.rows) > self.height and self.row < len(self.rows) - 1:
            self.rows.pop()
        while len(self.rows) > self.height:
            self.history.append(self.rows.pop(0))
            self.row -= 1
        self.rows += [Row(width) for _ in range(self.height - len(self.rows))]
        self.full = False
