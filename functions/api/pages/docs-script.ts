// What the reference page runs in the browser, as text: it reads /v1/openapi.json and builds elements, and never markup from
// texts.

export const DOCS_SCRIPT = `
'use strict';
(function () {
  var content = document.getElementById('content');
  var nav = document.getElementById('nav');
  var filter = document.getElementById('filter');
  var METHODS = ['get', 'post', 'patch', 'put', 'delete'];
  var doc = null;

  function el(name, attributes, children) {
    var node = document.createElement(name);
    Object.keys(attributes || {}).forEach(function (key) { node.setAttribute(key, attributes[key]); });
    [].concat(children === undefined ? [] : children).forEach(function (child) {
      if (child === null || child === undefined) return;
      node.appendChild(typeof child === 'string' ? document.createTextNode(child) : child);
    });
    return node;
  }

  /* Code, bold and plain text of one paragraph. */
  function inline(text) {
    var nodes = [];
    text.split(/(\`[^\`]*\`|[*][*][^*]+[*][*])/).forEach(function (part) {
      if (part.length > 1 && part[0] === '\`') nodes.push(el('code', {}, part.slice(1, -1)));
      else if (part.slice(0, 2) === '**') nodes.push(el('strong', {}, part.slice(2, -2)));
      else if (part) nodes.push(document.createTextNode(part));
    });
    return nodes;
  }

  function prose(text) {
    var box = el('div', {});
    (text || '').split(NL + NL).forEach(function (block) {
      if (block.slice(0, 2) !== '* ') { box.appendChild(el('p', {}, inline(block))); return; }
      box.appendChild(el('ul', {}, block.split(NL).map(function (line) { return el('li', {}, inline(line.slice(2))); })));
    });
    return box;
  }
  var NL = String.fromCharCode(10);
  var BT = String.fromCharCode(96);

  function follow(value) {
    var seen = 0;
    while (value && value.$ref && seen++ < 10) {
      value = value.$ref.slice(2).split('/').reduce(function (at, part) { return at && at[part]; }, doc);
    }
    return value || {};
  }

  function typeOf(schema) {
    if (schema.enum) return schema.enum.map(function (one) { return JSON.stringify(one); }).join(' | ');
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (Array.isArray(schema.type)) return schema.type.length > 4 ? 'any JSON' : schema.type.join(' | ');
    if (schema.anyOf || schema.oneOf) {
      return (schema.anyOf || schema.oneOf).map(function (one) { return typeOf(follow(one)); }).join(' | ');
    }
    if (schema.type === 'array') return 'list of ' + typeOf(follow(schema.items || {}));
    if (schema.format) return schema.type + ' (' + schema.format + ')';
    return schema.type || 'any JSON';
  }

  function bounds(schema) {
    var said = [];
    if (schema.minimum !== undefined) said.push('from ' + schema.minimum);
    if (schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER) said.push('to ' + schema.maximum);
    if (schema.maxLength !== undefined) said.push('at most ' + schema.maxLength + ' characters');
    if (schema.maxItems !== undefined) said.push('at most ' + schema.maxItems);
    return said.join(', ');
  }

  /* The members of an object, and theirs, a few levels deep. */
  function members(given, depth) {
    var schema = follow(given);
    var inner = schema.type === 'array' ? follow(schema.items || {}) : schema;
    var properties = inner.properties || {};
    var names = Object.keys(properties);
    if (names.length === 0 || depth > 4) return null;
    var required = inner.required || [];
    var list = el('dl', {});
    names.forEach(function (name) {
      var member = follow(properties[name]);
      list.appendChild(el('dt', {}, [
        name,
        el('span', { class: 'type' }, typeOf(member)),
        required.indexOf(name) >= 0 ? null : el('span', { class: 'type' }, 'optional'),
      ]));
      var said = [member.description, bounds(member)].filter(Boolean).join(' · ');
      var nested = members(member, depth + 1);
      if (said || nested) list.appendChild(el('dd', {}, (said ? inline(said) : []).concat(nested ? [nested] : [])));
    });
    return list;
  }

  function code(value) {
    return el('pre', {}, el('code', {}, typeof value === 'string' ? value : JSON.stringify(value, null, 2)));
  }

  function parameters(operation) {
    var given = (operation.parameters || []).map(follow);
    if (given.length === 0) return null;
    var places = { path: 'in the path', query: 'in the query', header: 'header' };
    var list = el('dl', {});
    given.forEach(function (one) {
      var schema = follow(one.schema);
      list.appendChild(el('dt', {}, [
        one.name,
        el('span', { class: 'type' }, typeOf(schema) + ', ' + (places[one.in] || one.in)),
        one.required ? el('span', { class: 'must' }, 'required') : null,
      ]));
      var said = [one.description || schema.description, bounds(schema)].filter(Boolean).join(' · ');
      if (said) list.appendChild(el('dd', {}, inline(said)));
    });
    return el('section', {}, [el('h4', {}, 'Parameters'), list]);
  }

  function media(content, title, isOpen) {
    var type = Object.keys(content || {})[0];
    if (!type) return [];
    var one = content[type];
    var nodes = [];
    if (title) nodes.push(el('h4', {}, title));
    var list = one.schema && type !== 'application/problem+json' ? members(one.schema, 0) : null;
    if (list) nodes.push(list);
    if (type.indexOf('json') < 0) nodes.push(el('p', { class: 'soft' }, type));
    var examples = one.examples ? Object.keys(one.examples) : [];
    var example = one.example !== undefined ? one.example : examples.length ? one.examples[examples[0]].value : undefined;
    if (example !== undefined) nodes.push(code(example));
    return nodes;
  }

  function answers(operation) {
    var box = el('section', {}, el('h4', {}, 'Answers'));
    Object.keys(operation.responses).sort().forEach(function (status) {
      var answer = follow(operation.responses[status]);
      var refused = Number(status) >= 400;
      var codes = Object.keys(((answer.content || {})['application/problem+json'] || {}).examples || {});
      var said = refused && codes.length > 1
        ? codes.map(function (code) { return BT + code + BT; }).join(', ')
        : (answer.description || '').split(NL)[0];
      var more = refused ? prose(answer.description) : null;
      var summary = el('summary', {}, [el('span', { class: refused ? 'status refused' : 'status' }, status)].concat(inline(said)));
      box.appendChild(el('details', {}, [summary, more].concat(media(answer.content))));
    });
    return box;
  }

  function article(path, method, operation) {
    var id = operation.operationId;
    var body = operation.requestBody ? follow(operation.requestBody) : null;
    return el('article', { id: id }, [
      el('h3', {}, el('a', { href: '#' + id }, operation.summary)),
      el('div', { class: 'address' }, [el('span', { class: 'method ' + method }, method), el('span', {}, path)]),
      prose(operation.description),
      el('div', { class: 'parts' }, [
        el('div', {}, [parameters(operation)].concat(body ? media(body.content, 'Body') : [])),
        answers(operation),
      ]),
    ]);
  }

  function draw() {
    content.replaceChildren(prose(doc.info.description));
    var groups = {};
    Object.keys(doc.paths).forEach(function (path) {
      METHODS.forEach(function (method) {
        var operation = doc.paths[path][method];
        if (!operation) return;
        var tag = (operation.tags || ['Other'])[0];
        (groups[tag] = groups[tag] || []).push({ path: path, method: method, operation: operation });
      });
    });
    doc.tags.forEach(function (tag) {
      var entries = groups[tag.name] || [];
      if (entries.length === 0) return;
      content.appendChild(el('h2', { id: 'tag-' + tag.name }, tag.name));
      content.appendChild(el('p', { class: 'soft' }, tag.description));
      var list = el('ul', {});
      entries.forEach(function (entry) {
        content.appendChild(article(entry.path, entry.method, entry.operation));
        var link = el('a', { href: '#' + entry.operation.operationId }, entry.operation.summary);
        var words = entry.operation.summary + ' ' + entry.method + ' ' + entry.path + ' ' + entry.operation.operationId;
        list.appendChild(el('li', { 'data-words': words.toLowerCase() }, link));
      });
      nav.appendChild(el('section', {}, [el('h2', {}, tag.name), list]));
    });
    if (location.hash) {
      var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target) target.scrollIntoView();
    }
  }

  filter.addEventListener('input', function () {
    var wanted = filter.value.trim().toLowerCase();
    nav.querySelectorAll('section').forEach(function (section) {
      var shown = 0;
      section.querySelectorAll('li').forEach(function (item) {
        var fits = item.getAttribute('data-words').indexOf(wanted) >= 0;
        item.classList.toggle('hidden', !fits);
        if (fits) shown++;
      });
      section.classList.toggle('hidden', shown === 0);
    });
  });

  fetch('/v1/openapi.json').then(function (answer) {
    if (!answer.ok) throw new Error('status ' + answer.status);
    return answer.json();
  }).then(function (loaded) { doc = loaded; draw(); }).catch(function () {
    content.replaceChildren(el('p', {}, 'The document could not be loaded. Reload the page to try again.'));
  });
})();
`;
