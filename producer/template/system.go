package template

import "strings"

func systemMethods() map[string]prepare {
	digit, point := runes(digits, 1), literal(".")
	common := pick([]string{"pdf", "png", "jpg", "gif", "html", "wav", "mp4", "mpeg"})
	words := list(pick(latin()), 1, 3, "_")
	types, extensions := mimeTypes()
	extension := pick(extensions)
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
		"fileType":       plain(pick([]string{"application", "audio", "font", "image", "message", "model", "multipart", "text", "video"})),
		"fileExt": func(arg value) (emit, error) {
			for i, t := range types {
				if arg.kind == kindText && arg.str == t {
					return literal(extensions[i]), nil
				}
			}
			return extension, nil
		},
		"semver": plain(sequence(digit, point, digit, point, digit)),
		// faker never wrote these two: they print what a missing value prints.
		"directoryPath": plain(literal("undefined")),
		"filePath":      plain(literal("undefined")),
	}
}

// mimeTypes are media types and, at the same index, the extension of such a file.
func mimeTypes() (types, extensions []string) {
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
	for i := 0; i < len(pairs); i += 2 {
		types, extensions = append(types, pairs[i]), append(extensions, pairs[i+1])
	}
	return types, extensions
}
