"""Registered names of charsets, as far as a codec of Python knows them.

From IANA's registry "Character Sets" as of 2024-06-06 (RFC 2978). What is registered beyond these
names no reader of mail is known to show.
"""

from msa.message.charset import codec_name

# A charset a line: the name to prefer in mail, then its aliases; an indented line goes on.
_REGISTERED = """\
US-ASCII ansi_x3.4-1968 ansi_x3.4-1986 cp367 csascii ibm367 iso-ir-6 iso646-us iso_646.irv:1991
  us
ISO-8859-1 cp819 csisolatin1 ibm819 iso-ir-100 iso_8859-1 iso_8859-1:1987 l1 latin1
ISO-8859-2 csisolatin2 iso-ir-101 iso_8859-2 iso_8859-2:1987 l2 latin2
ISO-8859-3 csisolatin3 iso-ir-109 iso_8859-3 iso_8859-3:1988 l3 latin3
ISO-8859-4 csisolatin4 iso-ir-110 iso_8859-4 iso_8859-4:1988 l4 latin4
ISO-8859-5 csisolatincyrillic cyrillic iso-ir-144 iso_8859-5 iso_8859-5:1988
ISO-8859-6 arabic asmo-708 csisolatinarabic ecma-114 iso-ir-127 iso_8859-6 iso_8859-6:1987
ISO-8859-7 csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso_8859-7 iso_8859-7:1987
ISO-8859-8 csisolatinhebrew hebrew iso-ir-138 iso_8859-8 iso_8859-8:1988
ISO-8859-9 csisolatin5 iso-ir-148 iso_8859-9 iso_8859-9:1989 l5 latin5
ISO-8859-10 csisolatin6 iso-ir-157 iso_8859-10:1992 l6 latin6
Shift_JIS csshiftjis ms_kanji
EUC-JP cseucpkdfmtjapanese extended_unix_code_packed_format_for_japanese
ISO-2022-KR csiso2022kr
EUC-KR cseuckr
ISO-2022-JP csiso2022jp
ISO-2022-JP-2 csiso2022jp2
ISO-8859-8-I csiso88598i iso_8859-8-i
UTF-8 csutf8
ISO-8859-13 csiso885913
ISO-8859-14 csiso885914 iso-celtic iso-ir-199 iso_8859-14 iso_8859-14:1998 l8 latin8
ISO-8859-15 csiso885915 iso_8859-15 latin-9
ISO-8859-16 csiso885916 iso-ir-226 iso_8859-16 iso_8859-16:2001 l10 latin10
GBK cp936 csgbk ms936 windows-936
GB18030 csgb18030
KZ-1048 cskz1048 rk1048 strk1048-2002
UTF-7 csutf7
UTF-16BE csutf16be
UTF-16LE csutf16le
UTF-16 csutf16
UTF-32 csutf32
UTF-32BE csutf32be
UTF-32LE csutf32le
hp-roman8 cshproman8 r8 roman8
IBM850 850 cp850 cspc850multilingual
IBM852 852 cp852 cspcp852
IBM437 437 cp437 cspc8codepage437
IBM862 862 cp862 cspc862latinhebrew
GB2312 csgb2312
Big5 csbig5
macintosh csmacintosh mac
IBM037 cp037 csibm037 ebcdic-cp-ca ebcdic-cp-nl ebcdic-cp-us ebcdic-cp-wt
IBM273 cp273 csibm273
IBM424 cp424 csibm424 ebcdic-cp-he
IBM500 cp500 csibm500 ebcdic-cp-be ebcdic-cp-ch
IBM855 855 cp855 csibm855
IBM857 857 cp857 csibm857
IBM860 860 cp860 csibm860
IBM861 861 cp-is cp861 csibm861
IBM863 863 cp863 csibm863
IBM864 cp864 csibm864
IBM865 865 cp865 csibm865
IBM869 869 cp-gr cp869 csibm869
IBM1026 cp1026 csibm1026
KOI8-R cskoi8r
HZ-GB-2312
IBM866 866 cp866 csibm866
IBM775 cp775 cspc775baltic
KOI8-U cskoi8u
Big5-HKSCS csbig5hkscs
PTCP154 cp154 csptcp154 cyrillic-asian pt154
windows-874 cswindows874
windows-1250 cswindows1250
windows-1251 cswindows1251
windows-1252 cswindows1252
windows-1253 cswindows1253
windows-1254 cswindows1254
windows-1255 cswindows1255
windows-1256 cswindows1256
windows-1257 cswindows1257
windows-1258 cswindows1258
TIS-620 cstis620 iso-8859-11
KS_C_5601-1987 csksc56011987 iso-ir-149 korean ks_c_5601-1989 ksc_5601
GB_2312-80 chinese csiso58gb231280 iso-ir-58
UNICODE-1-1-UTF-7 csunicode11utf7
Windows-31J cswindows31j
"""

_ROWS = tuple(row.split() for row in _REGISTERED.replace("\n  ", " ").splitlines())
_NAMES = frozenset(name.lower() for row in _ROWS for name in row)
_PREFERRED = {codec: row[0] for row in reversed(_ROWS) for codec in map(codec_name, row) if codec}


def is_registered(charset: str) -> bool:
    """Say whether IANA has registered a name, in whatever case."""
    return charset.lower() in _NAMES


def preferred_name(charset: str) -> str | None:
    """Return the registered name to prefer for the charset that a name means to Python."""
    codec = codec_name(charset)
    return None if codec is None else _PREFERRED.get(codec)
