"""The file that benchmarks append their figures to, and the options that their commands share."""
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


def add_shared_options(parser, output, rows, queries, rounds, memory):
    """What each command of each benchmark asks for; all but the parser are defaults."""
    parser.add_argument('--vecx', required=True, metavar='DSN', help='database for the extension vecx')
    parser.add_argument('--vector', required=True, metavar='DSN', help='database for the extension vector, pgvector')
    parser.add_argument('--set', required=True, metavar='NAME')
    parser.add_argument('--data', required=True, metavar='DIR')
    parser.add_argument('--output', default=output, metavar='FILE')
    parser.add_argument('--rows', type=int, default=rows,
                        help=f'the first rows of the set only (default {rows or "all"})')
    parser.add_argument('--queries', type=int, default=queries, help=f'(default {queries})')
    parser.add_argument('--rounds', type=int, default=rounds,
                        help=f'the systems take turns this often (default {rounds})')
    parser.add_argument('--memory', default=memory, help=f'maintenance_work_mem of builds (default {memory})')
