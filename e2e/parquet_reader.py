"""Reads Parquet as its description says (docs/formats/parquet.md): one level of columns, data pages of version 1, plain
and dictionary encoding, zstd.

read(bytes) gives (names, rows as dictionaries, key-value metadata); text as str, times as nanoseconds.
"""

import ctypes

MAGIC = b"PAR1"
BYTE_ARRAY, ZSTD, OPTIONAL, DICTIONARY_PAGE, RLE_DICTIONARY, UINT_64 = 6, 6, 1, 2, 8, 14


def unzstd(data, size):
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    out = ctypes.create_string_buffer(size + 1)
    assert zstd.ZSTD_decompress(out, size, data, len(data)) == size
    return out.raw[:size]


class Bytes:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        self.at += n
        assert self.at <= len(self.data)
        return self.data[self.at - n:self.at]

    def little(self, n, signed=False):
        return int.from_bytes(self.take(n), "little", signed=signed)

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def struct(self):
        """{id: value} of Thrift's compact protocol."""
        fields, number = {}, 0
        while head := self.take(1)[0]:
            number = number + (head >> 4) if head >> 4 else self.zigzag()
            fields[number] = self.value(head & 15)
        return fields

    def value(self, kind):
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self.little(1, signed=True)
        if kind in (4, 5, 6):
            return self.zigzag()
        if kind == 8:
            return self.take(self.varint())
        if kind == 9:
            head = self.take(1)[0]
            size = head >> 4
            return [self.value(head & 15) for _ in range(self.varint() if size == 15 else size)]
        assert kind == 12
        return self.struct()

    def hybrid(self, bits, count):
        values = []
        while len(values) < count:
            head = self.varint()
            if head & 1:
                packed = self.little((head >> 1) * bits)
                values += [packed >> i * bits & (1 << bits) - 1 for i in range((head >> 1) * 8)][:count - len(values)]
            else:
                values += [self.little((bits + 7) // 8)] * (head >> 1)
        assert len(values) == count
        return values


class Column:
    def __init__(self, element):
        self.name = element[4].decode()
        self.text = element[1] == BYTE_ARRAY
        self.nullable = element[3] == OPTIONAL
        self.signed = element.get(6) != UINT_64

    def plain(self, data):
        return data.take(data.little(4)).decode() if self.text else data.little(8, self.signed)

    def values(self, file, chunk):
        """Of one row group."""
        data = Bytes(file, chunk.get(11, chunk[9]))
        values, dictionary = [], []
        while len(values) < chunk[5]:
            header = data.struct()
            body = data.take(header[3])
            body = Bytes(unzstd(body, header[2]) if chunk[4] == ZSTD else body)
            if header[1] == DICTIONARY_PAGE:
                dictionary = [self.plain(body) for _ in range(header[7][1])]
            else:
                values += self.page(header[5], body, dictionary)
            assert body.at == len(body.data)
        assert len(values) == chunk[5] and values.count(None) == chunk[12][3]
        return values

    def page(self, header, body, dictionary):
        present = [1] * header[1]
        if self.nullable:
            present = Bytes(body.take(body.little(4))).hybrid(1, header[1])
        if header[2] != RLE_DICTIONARY:
            return [self.plain(body) if one else None for one in present]
        indexes = iter(body.hybrid(body.take(1)[0], sum(present)))
        return [dictionary[next(indexes)] if one else None for one in present]


def read(file):
    assert file[:4] == MAGIC and file[-4:] == MAGIC
    size = int.from_bytes(file[-8:-4], "little")
    footer = Bytes(file, len(file) - 8 - size).struct()
    columns = [Column(element) for element in footer[2][1:]]
    rows = []
    for group in footer[4]:
        values = [column.values(file, chunk[3]) for column, chunk in zip(columns, group[1], strict=True)]
        rows += [dict(zip([column.name for column in columns], row)) for row in zip(*values, strict=True)]
    assert len(rows) == footer[3]
    metadata = {pair[1].decode(): pair[2].decode() for pair in footer.get(5, [])}
    return [column.name for column in columns], rows, metadata
