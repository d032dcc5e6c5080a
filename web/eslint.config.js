import vue from 'eslint-plugin-vue'
import ts from 'typescript-eslint'

export default ts.config(
  { ignores: ['dist/', 'node_modules/', 'src/api/schema.d.ts', 'test-results/'] },
  ...ts.configs.strict,
  ...vue.configs['flat/recommended'],
  {
    files: ['**/*.vue'],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  {
    rules: {
      // What users' papers hold is text, never markup.
      'vue/no-v-html': 'error',
      'no-eval': 'error',
      'no-restricted-properties': [
        'error',
        { property: 'innerHTML', message: 'What users wrote is text, never markup.' },
        { property: 'outerHTML', message: 'What users wrote is text, never markup.' },
        { property: 'insertAdjacentHTML', message: 'What users wrote is text, never markup.' },
      ],
      // Only src/composables/preferences.ts keeps anything in the browser.
      'no-restricted-globals': ['error', 'localStorage', 'sessionStorage', 'indexedDB'],
      '@typescript-eslint/no-non-null-assertion': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
      // How a line is broken is not what reviews are for.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/multi-word-component-names': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/attributes-order': 'off',
      'vue/require-default-prop': 'off', // an absent one is undefined, and typed so
    },
  },
  { files: ['src/composables/preferences.ts', 'stories/**'], rules: { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off' } },
)
