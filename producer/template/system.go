package template

import "strings"

func systemMethods() map[string]maker {
	digit, point := runes(digits, 1), literal(".")
	common := pick([]string{"pdf", "png", "jpg", "gif", "html", "wav", "mp4", "mpeg"})
	name := sequence(pick(latin()), literal("_"), pick(latin()), point)
	types, extensions := mimeTypes()
	extension := pick(extensions)
	return map[string]maker{
		"fileName":       plain(sequence(name, extension)),
		"commonFileName": plain(sequence(name, common)),
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
	pairs := strings.Fields(`application/gzip gz application/json json application/pdf pdf application/xml xml application/zip zip
		audio/mpeg mp3 audio/ogg ogg font/woff woff image/gif gif image/jpeg jpg image/png png image/svg+xml svg image/webp webp
		text/css css text/csv csv text/html html text/plain txt video/mp4 mp4 video/webm webm`)
	for i := 0; i < len(pairs); i += 2 {
		types, extensions = append(types, pairs[i]), append(extensions, pairs[i+1])
	}
	return types, extensions
}
