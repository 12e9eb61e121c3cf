// A small Markdown for answers: paragraphs, headings, lists, quotes, code, bold, italic, links.
// It only ever makes elements and text nodes; what a model writes is never read as HTML.
const drawMarkdown = (() => {

  const INLINE = /(`+)([\s\S]+?)\1|\*\*([\s\S]+?)\*\*|__([\s\S]+?)__|\*([^\s*][^*]*?)\*|\b_([^\s_][^_]*?)_\b|~~([\s\S]+?)~~|\[([^\]\n]+)\]\(([^()\s]+(?:\([^()\s]*\))?)\)|(https?:\/\/[^\s<>()[\]]+[^\s<>()[\].,;:!?'"])/g;
  const DEEPEST = 6;

  function element(name, ...children) {
    const made = document.createElement(name);
    made.append(...children);
    return made;
  }

  function address(text) {
    try {
      const url = new URL(text);
      return ["https:", "http:", "mailto:"].includes(url.protocol) ? url.href : null;
    } catch {
      return null;
    }
  }

  function link(text, target, depth) {
    const href = address(target);
    if (!href) return document.createTextNode(text === target ? text : `${text} (${target})`);
    const made = element("a");
    inline(made, text, depth + 1, true);
    made.href = href;
    made.target = "_blank";
    made.rel = "noopener noreferrer nofollow";
    return made;
  }

  function inline(parent, text, depth = 0, linked = false) {
    let last = 0;
    if (depth < DEEPEST) {
      for (const found of text.matchAll(INLINE)) {
        const [whole, , code, strong, strong2, em, em2, gone, label, target, bare] = found;
        let made;
        if (code !== undefined) made = element("code", code.trim() || code);
        else if ((strong ?? strong2) !== undefined) inline(made = element("strong"), strong ?? strong2, depth + 1, linked);
        else if ((em ?? em2) !== undefined) inline(made = element("em"), em ?? em2, depth + 1, linked);
        else if (gone !== undefined) inline(made = element("del"), gone, depth + 1, linked);
        else if (linked) continue;
        else made = label !== undefined ? link(label, target, depth) : link(bare, bare, DEEPEST);
        breaks(parent, text.slice(last, found.index));
        parent.append(made);
        last = found.index + whole.length;
      }
    }
    breaks(parent, text.slice(last));
  }

  function breaks(parent, text) {
    text.split("\n").forEach((line, number) => {
      if (number) parent.append(element("br"));
      if (line) parent.append(line);
    });
  }

  const FENCE = /^\s*(```+|~~~+)\s*([\w+-]*)\s*$/;
  const HEADING = /^(#{1,6})\s+(.+?)\s*#*$/;
  const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
  const RULE = /^\s*([-*_])(\s*\1){2,}\s*$/;
  const QUOTE = /^\s*>\s?(.*)$/;

  function starts(line) {
    return FENCE.test(line) || HEADING.test(line) || ITEM.test(line) || RULE.test(line) || QUOTE.test(line);
  }

  function blocks(parent, lines, depth = 0) {
    let at = 0;
    while (at < lines.length) {
      const line = lines[at];
      let found;
      if (!line.trim()) { at += 1; continue; }
      if ((found = FENCE.exec(line))) {
        const body = [];
        for (at += 1; at < lines.length && !lines[at].trim().startsWith(found[1]); at += 1) body.push(lines[at]);
        at += 1;
        const frame = element("pre", element("code", body.join("\n")));
        frame.tabIndex = 0;
        parent.append(frame);
      } else if (RULE.test(line)) {
        parent.append(element("hr"));
        at += 1;
      } else if ((found = HEADING.exec(line))) {
        inline(parent.appendChild(element(`h${Math.min(6, found[1].length + 2)}`)), found[2]);
        at += 1;
      } else if (QUOTE.test(line) && depth < DEEPEST) {
        const inner = [];
        for (; at < lines.length && (found = QUOTE.exec(lines[at])); at += 1) inner.push(found[1]);
        blocks(parent.appendChild(element("blockquote")), inner, depth + 1);
      } else if (ITEM.test(line) && depth < DEEPEST) {
        at = list(parent, lines, at, depth);
      } else {
        const text = [line];
        for (at += 1; at < lines.length && lines[at].trim() && !starts(lines[at]); at += 1) text.push(lines[at]);
        inline(parent.appendChild(element("p")), text.join("\n"));
      }
    }
  }

  function list(parent, lines, from, depth) {
    const [, margin, sign] = ITEM.exec(lines[from]);
    const ordered = /\d/.test(sign);
    const made = parent.appendChild(element(ordered ? "ol" : "ul"));
    if (ordered && parseInt(sign, 10) !== 1) made.start = parseInt(sign, 10);
    let at = from;
    while (at < lines.length) {
      const found = ITEM.exec(lines[at]);
      if (!found || found[1].length < margin.length || /\d/.test(found[2]) !== ordered) break;
      const inner = [found[3]];
      const inside = found[1].length + 2;
      for (at += 1; at < lines.length; at += 1) {
        const next = lines[at];
        const indent = next.length - next.trimStart().length;
        if (!next.trim() ? !(lines[at + 1] ?? "").startsWith(" ".repeat(inside)) : indent < inside && (starts(next) || !lines[at - 1].trim())) break;
        inner.push(next.slice(Math.min(indent, inside)));
      }
      const item = made.appendChild(element("li"));
      if (inner.length === 1) inline(item, inner[0]);
      else blocks(item, inner, depth + 1);
      while (at < lines.length && !lines[at].trim() && ITEM.test(lines[at + 1] ?? "")) at += 1;
    }
    return at;
  }

  function render(target, text) {
    const made = document.createDocumentFragment();
    blocks(made, String(text).replaceAll("\r\n", "\n").split("\n"));
    target.replaceChildren(made);
  }

  return render;
})();
