package template

import (
	"slices"
	"strings"
)

func systemMethods() map[string]prepare {
	digit, point := runes(digits, 1), literal(".")
	common := pick([]string{"pdf", "png", "jpg", "gif", "html", "wav", "mp4", "mpeg"})
	words := list(pick(latin()), 1, 3, "_")
	types := listed("file", "mime_type", media)
	extension := pick(listed("file", "extension", letters))
	known := extensions()
	return map[string]prepare{
		"fileName": plain(sequence(words, point, extension)),
		"commonFileName": func(arg value) (emit, error) {
			if arg.truthy() {
				ending := strings.NewReplacer(" ", "_", ",", "_", "-", "_", `\`, "_").Replace(arg.text())
				return sequence(words, point, literal(strings.ToLower(ending))), nil
			}
			return sequence(words, point, common), nil
		},
		"mimeType":       plain(pick(types)),
		"commonFileType": plain(pick([]string{"video", "audio", "image", "text", "application"})),
		"commonFileExt":  plain(common),
		"fileType":       plain(pick(topLevels(types))),
		"fileExt": func(arg value) (emit, error) {
			if ending, ok := known[arg.str]; ok {
				return literal(ending), nil
			}
			return extension, nil
		},
		"semver": plain(sequence(digit, point, digit, point, digit)),
		// faker never wrote these two: they print what a missing value prints.
		"directoryPath": plain(literal("undefined")),
		"filePath":      plain(literal("undefined")),
	}
}

// topLevels are the first parts of media types, each once.
func topLevels(types []string) []string {
	tops := each(types, func(t string) string {
		top, _, _ := strings.Cut(t, "/")
		return top
	})
	slices.Sort(tops)
	return slices.Compact(tops)
}

// extensions are those of files of a media type, which gofakeit does not pair.
func extensions() map[string]string {
	pairs := strings.Fields(`application/gzip gz application/javascript js application/json json application/java-archive jar
		application/msword doc application/octet-stream bin application/ogg ogx application/pdf pdf application/postscript ps
		application/rss+xml rss application/rtf rtf application/sql sql application/vnd.ms-excel xls
		application/vnd.ms-powerpoint ppt application/vnd.oasis.opendocument.text odt application/wasm wasm
		application/x-7z-compressed 7z application/x-bzip2 bz2 application/x-sh sh application/x-tar tar application/xhtml+xml xhtml
		application/xml xml application/zip zip audio/midi midi audio/mp4 mp4a audio/mpeg mp3 audio/ogg ogg audio/wav wav
		audio/x-flac flac font/woff woff image/bmp bmp image/gif gif image/jpeg jpg image/png png image/svg+xml svg image/tiff tiff
		image/webp webp image/x-icon ico message/rfc822 eml text/calendar ics text/css css text/csv csv text/html html
		text/markdown md text/plain txt text/x-java-source java text/xml xml text/yaml yaml video/mp4 mp4 video/mpeg mpeg
		video/ogg ogv video/quicktime mov video/webm webm video/x-msvideo avi`)
	known := map[string]string{}
	for pair := range slices.Chunk(pairs, 2) {
		known[pair[0]] = pair[1]
	}
	return known
}
