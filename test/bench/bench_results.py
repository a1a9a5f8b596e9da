"""The file that benchmarks append their figures to, and lists of numbers on their command lines."""
import json
import os


class Results:
    """The JSON file: a list of records, one a command and run."""

    def __init__(self, path):
        self.path, self.records = path, []
        if os.path.exists(path):
            with open(path, encoding='ascii') as file:
                self.records = json.load(file)

    def append(self, record):
        self.records.append(record)
        with open(self.path + '.new', 'w', encoding='ascii') as file:
            json.dump(self.records, file, indent=1)
            file.write('\n')
        os.replace(self.path + '.new', self.path)

    def latest(self, command, data):
        for record in reversed(self.records):
            if (record['command'], record['set'], record['rows']) == (command, data.name, data.rows):
                return record['figures']
        return None


def numbers(kind):
    return lambda text: [kind(part) for part in text.split(',')]
