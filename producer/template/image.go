package template

import "strings"

// imageMethods give addresses of placeholder pictures, whose one argument is the width.
func imageMethods() map[string]maker {
	categories := strings.Fields("abstract animals business cats city food nightlife fashion people nature sports technics transport")
	table := map[string]maker{
		"image":    plain(anyImage(categories)),
		"imageUrl": imageURL(""),
	}
	for _, c := range categories {
		table[c] = imageURL("/" + c)
	}
	return table
}

func anyImage(categories []string) emit {
	return sequence(literal("http://lorempixel.com/640/480/"), pick(categories))
}

func imageURL(ending string) maker {
	return func(arg value) (emit, error) {
		return literal("http://lorempixel.com/" + arg.orElse(640).text() + "/480" + ending), nil
	}
}
