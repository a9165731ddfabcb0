//! What the attribute makes of the two main shapes of functions.

use proc_macro2::TokenStream;
use quote::quote;

fn expanded(arguments: TokenStream, item: TokenStream) -> String {
    let tokens = super::attribute("#[audited]", arguments, item);
    prettyplease::unparse(&syn::parse2(tokens).expect("an expansion is a file of items"))
}

#[test]
fn an_async_function_is_polled_by_one_struct_around_one_block() {
    insta::assert_snapshot!(expanded(
        quote!(action = "project.created", target = "project", target_id = |ok| ok.id, metadata(changes = json!(name))),
        quote! {
            /// Creates a project.
            pub async fn create(&self, name: String) -> Result<Project, Error> {
                self.insert(name).await
            }
        },
    ));
}

#[test]
fn a_plain_function_is_called_in_place() {
    insta::assert_snapshot!(expanded(
        quote!(
            action = Action::KeyRotated,
            actor = Actor::system("rotation"),
            on = "success",
            metadata(%key_type, ret scopes = ?|key| &key.scopes, reason = later)
        ),
        quote! {
            fn rotate<T: Key>(key_id: &str, key_type: KeyType, replace: impl FnOnce() -> T) -> impl Key {
                replace()
            }
        },
    ));
}

#[test]
fn a_function_whose_attribute_is_wrong_is_given_back_as_it_was() {
    let item = quote!(async fn create(name: String) -> Result<(), Error> { half.typed. });
    let tokens = super::attribute("#[audited]", quote!(acton = "project.created"), item.clone()).to_string();
    let errors = tokens.strip_prefix(&item.to_string()).expect("the item comes first");
    assert_eq!(errors.matches("compile_error").count(), 1, "{errors}");
}

#[test]
fn a_half_typed_body_still_expands() {
    let item = quote!(fn create(project_id: &str) { half.typed. });
    let tokens = super::attribute("#[audited]", quote!(action = "project.created"), item).to_string();
    assert!(tokens.contains("half . typed ."), "{tokens}");
    assert!(!tokens.contains("compile_error"), "{tokens}");
}

#[test]
fn the_arguments_of_an_impl_block_are_handed_to_the_audited_methods_alone() {
    let item = quote! {
        #[cfg(unix)]
        impl Projects {
            #[audited(action = "project.created",)]
            fn create(&self) { half.typed. }

            #[crate::audit::audited]
            fn bare(&self) {}

            #[inline]
            fn other(&self) {}
        }
    };
    let tokens = super::attribute("#[audited]", quote!(target = "project"), item).to_string();
    let handed = "__defaults (target = \"project\")";
    assert!(tokens.contains(&format!("[audited (action = \"project.created\" , {handed})]")), "{tokens}");
    assert!(tokens.contains(&format!("[crate :: audit :: audited ({handed})]")), "{tokens}");
    assert_eq!(tokens.matches("__defaults").count(), 2);
}

#[test]
fn a_success_in_a_transaction_is_written_after_the_body() {
    insta::assert_snapshot!(expanded(
        quote!(action = "project.deleted", tx = &mut *tx),
        quote! {
            async fn delete(tx: &mut Transaction<'_, Postgres>, project_id: u64) -> Result<(), Error> {
                tx.delete(project_id).await
            }
        },
    ));
}
